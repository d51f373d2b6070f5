// Command gorilla is a client by gorilla/websocket, with its defaults.
package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"postern/clients/lines"
)

const closeWait = 5 * time.Second

type client struct {
	connection *websocket.Conn
}

func (c *client) Dial(url string, subprotocols []string, header http.Header) {
	dialer := *websocket.DefaultDialer
	dialer.TLSClientConfig = lines.TLS()
	dialer.Subprotocols = subprotocols
	connection, response, err := dialer.Dial(url, header)
	if err != nil {
		lines.Refused(response, err)
		return
	}
	c.connection = connection
	lines.Opened(connection.Subprotocol())
	go read(connection)
}

func (c *client) Send(isText bool, data []byte) error {
	kind := websocket.BinaryMessage
	if isText {
		kind = websocket.TextMessage
	}
	return c.connection.WriteMessage(kind, data)
}

func (c *client) Close(code int) error {
	frame := websocket.FormatCloseMessage(code, "")
	return c.connection.WriteControl(websocket.CloseMessage, frame, time.Now().Add(closeWait))
}

func read(connection *websocket.Conn) {
	defer connection.Close()
	for {
		kind, data, err := connection.ReadMessage()
		if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
			lines.Closed(closed.Code, closed.Text)
			return
		}
		if err != nil {
			lines.Closed(websocket.CloseAbnormalClosure, err.Error())
			return
		}
		lines.Message(kind == websocket.TextMessage, data)
	}
}

func main() {
	lines.Serve(&client{})
}

// Command coder is a client by coder/websocket (once nhooyr.io/websocket), with its defaults.
package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"
	"postern/clients/lines"
)

type client struct {
	connection *websocket.Conn
}

func (c *client) Dial(url string, subprotocols []string, header http.Header) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = lines.TLS()
	options := websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		HTTPHeader:   header,
		Subprotocols: subprotocols,
	}
	connection, response, err := websocket.Dial(context.Background(), url, &options)
	if err != nil {
		lines.Refused(response, err)
		return
	}
	c.connection = connection
	lines.Opened(connection.Subprotocol())
	go read(connection)
}

func (c *client) Send(isText bool, data []byte) error {
	kind := websocket.MessageBinary
	if isText {
		kind = websocket.MessageText
	}
	return c.connection.Write(context.Background(), kind, data)
}

func (c *client) Close(code int) error {
	return c.connection.Close(websocket.StatusCode(code), "")
}

func read(connection *websocket.Conn) {
	for {
		kind, data, err := connection.Read(context.Background())
		if closed := (websocket.CloseError{}); errors.As(err, &closed) {
			lines.Closed(int(closed.Code), closed.Reason)
			return
		}
		if err != nil {
			lines.Closed(int(websocket.StatusAbnormalClosure), err.Error())
			return
		}
		lines.Message(kind == websocket.MessageText, data)
	}
}

func main() {
	lines.Serve(&client{})
}

// Package lines speaks the lines of test/clients/programs/README.md.
package lines

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
)

const shownBytes = 32_768

// Client is what a library makes of the commands.
type Client interface {
	// Dial tells what came of it, and goes on to tell what comes.
	Dial(url string, subprotocols []string, header http.Header)
	Send(isText bool, data []byte) error
	Close(code int) error
}

// Serve reads commands until the standard input ends.
func Serve(client Client) {
	reader := bufio.NewReader(os.Stdin)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		switch words[0] {
		case "dial":
			client.Dial(words[1], split(words[2]), headerOf(words[3]))
		case "text", "binary":
			data, _ := base64.StdEncoding.DecodeString(words[1])
			report(client.Send(words[0] == "text", data))
		case "close":
			code := 0
			fmt.Sscan(words[1], &code)
			report(client.Close(code))
		}
	}
}

// TLS trusts the certificate of CA_FILE.
func TLS() *tls.Config {
	pem, err := os.ReadFile(os.Getenv("CA_FILE"))
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}

// Opened tells that the WebSocket is there.
func Opened(subprotocol string) {
	fmt.Println("open", orNone(subprotocol))
}

// Message tells of a message.
func Message(isText bool, data []byte) {
	kind, shown, sum := "binary", "-", 0
	if isText {
		kind = "text"
	}
	if len(data) <= shownBytes {
		shown = encode(string(data))
	}
	for _, octet := range data {
		sum += int(octet)
	}
	fmt.Println(kind, len(data), sum, shown)
}

// Closed tells of the end.
func Closed(code int, reason string) {
	fmt.Println("closed", code, encode(reason))
}

// Refused tells that there will be no WebSocket; the response is nil where the library shows none.
func Refused(response *http.Response, err error) {
	status, refusal := "-", ""
	if response != nil {
		status, refusal = fmt.Sprint(response.StatusCode), response.Header.Get("X-Refusal")
	}
	fmt.Println("refused", status, orNone(refusal), encode(err.Error()))
}

func report(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func split(word string) []string {
	if word == "-" {
		return nil
	}
	return strings.Split(word, ",")
}

func headerOf(word string) http.Header {
	header := http.Header{}
	if word != "-" {
		line, _ := base64.StdEncoding.DecodeString(word)
		name, value, _ := strings.Cut(string(line), ": ")
		header.Set(name, value)
	}
	return header
}

func encode(text string) string {
	return orNone(base64.StdEncoding.EncodeToString([]byte(text)))
}

func orNone(word string) string {
	if word == "" {
		return "-"
	}
	return word
}

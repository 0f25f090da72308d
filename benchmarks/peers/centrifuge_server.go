// Centrifuge, the library under Centrifugo: in-memory broker, JSON protocol, clients may publish, an RPC echoes.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/centrifugal/centrifuge"
)

func main() {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "anyone"}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			reply(centrifuge.PublishReply{}, nil)
		})
		client.OnRPC(func(event centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
			reply(centrifuge.RPCReply{Data: event.Data}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	config := centrifuge.WebsocketConfig{CheckOrigin: func(*http.Request) bool { return true }}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, config))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

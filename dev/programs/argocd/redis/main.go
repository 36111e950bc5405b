// The Redis that Argo CD keeps its cache in, for tests: in memory, on the address it is given.
//
// Argo CD's own command line uses the same where it finds no Redis (argocd --core).
package main

import (
	"log"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	log.Print("listening on ", server.Addr())
	for range time.Tick(time.Second) {
		server.FastForward(time.Second) // its keys age only so
	}
}

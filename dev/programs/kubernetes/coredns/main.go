// Command coredns is CoreDNS with only the plugins that a cluster's DNS on one machine needs.
//
// The full program links every cloud provider's client and takes two minutes to build on two cores.
// A main package of one's own with a list of directives is CoreDNS's documented way to leave them out.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

// The order is the order of the plugins in a query's way, as in CoreDNS's own plugin.cfg.
func init() {
	dnsserver.Directives = []string{"health", "ready", "errors", "kubernetes"}
}

func main() {
	coremain.Run()
}

"""What the kubelet asks, /livez (restart me if not) and /readyz, and Prometheus: /metrics."""

from aiohttp import web

from sweep_operator.handlers.controller import Controller


def probes(controller: Controller) -> web.Application:
    """The HTTP application that answers them, a standby's too."""

    async def livez(_: web.Request) -> web.Response:
        ailment = controller.ailment
        return web.Response(text=ailment or "ok", status=503 if ailment else 200)

    async def readyz(_: web.Request) -> web.Response:
        ready = controller.ready and not controller.ailment
        return web.Response(text="ok" if ready else "not ready", status=200 if ready else 503)

    async def metrics(request: web.Request) -> web.Response:
        text, content_type = controller.metrics.text(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})

    application = web.Application()
    application.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    return application

"""What the kubelet asks: /livez (restart me if not) and /readyz."""

from aiohttp import web

from sweep_operator.handlers.controller import Controller


def probes(controller: Controller) -> web.Application:
    """The HTTP application that answers the probes."""

    async def livez(_: web.Request) -> web.Response:
        ailment = controller.ailment
        return web.Response(text=ailment or "ok", status=503 if ailment else 200)

    async def readyz(_: web.Request) -> web.Response:
        ready = controller.ready and not controller.ailment
        return web.Response(text="ok" if ready else "not ready", status=200 if ready else 503)

    application = web.Application()
    application.add_routes([web.get("/livez", livez), web.get("/readyz", readyz)])
    return application

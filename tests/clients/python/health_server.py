"""A gRPC server with the official health service, told over a socket what each service's status is.

usage: health_server.py ADDRESS PORT CONTROL_PORT [--health] [--tls CERTIFICATE KEY] [--token TOKEN] [--calls MOST]

Without --health it offers no method at all. With --token, calls without that value of "authorization" are refused.
With --calls, it takes so many calls at the same time. Each line on the control port is "STATUS SERVICE", as
"NOT_SERVING shop.Orders"; without a name it is the server as a whole. "FILL" makes a call that lasts until "FREE". Each
is answered with a line when it is in force.
"""

import argparse
import socketserver
import threading
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class Token(grpc.ServerInterceptor):
    """Lets calls through that carry the token."""

    def __init__(self, token):
        self.wanted = ("authorization", token)

    def intercept_service(self, continuation, details):
        if self.wanted in [(item.key, item.value) for item in details.invocation_metadata]:
            return continuation(details)
        return grpc.unary_unary_rpc_method_handler(self.refuse)

    @staticmethod
    def refuse(_request, context):
        shown = dict(context.invocation_metadata()).get("authorization", "nothing")
        context.abort(grpc.StatusCode.UNAUTHENTICATED, f"größe: not {shown}")


class Control(socketserver.StreamRequestHandler):
    """Sets statuses, a line each."""

    def handle(self):
        for line in self.rfile:
            word, _, service = line.decode().strip().partition(" ")
            if word == "FILL":
                self.server.lasting.fill(self.server.place)
            elif word == "FREE":
                self.server.lasting.free.release()
            else:
                self.server.health.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(word))
            self.wfile.write(b"set\n")


class Lasting(grpc.GenericRpcHandler):
    """A method whose call lasts until it is told to end."""

    METHOD = "/test.Lasting/Call"

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def service(self, details):
        if details.method == self.METHOD:
            return grpc.unary_unary_rpc_method_handler(self.last)

    def last(self, _request, _context):
        self.begun.release()
        self.free.acquire()
        return b""

    def fill(self, place):
        """Calls this server, and waits until the call has begun."""
        self.call = grpc.insecure_channel(place).unary_unary(self.METHOD).future(b"")
        self.begun.acquire()


class Controls(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("control_port", type=int)
    parser.add_argument("--health", action="store_true")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--token")
    parser.add_argument("--calls", type=int)
    return parser.parse_args()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    told = arguments()
    interceptors = [Token(told.token)] if told.token else []
    workers = futures.ThreadPoolExecutor(max_workers=4)
    server = grpc.server(workers, interceptors=interceptors, maximum_concurrent_rpcs=told.calls)
    lasting = Lasting()
    server.add_generic_rpc_handlers((lasting,))
    servicer = health.HealthServicer()
    if told.health:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    place = f"{told.address}:{told.port}"
    if told.tls:
        certificate, key = (read(path) for path in told.tls)
        server.add_secure_port(place, grpc.ssl_server_credentials([(key, certificate)]))
    else:
        server.add_insecure_port(place)
    server.start()
    with Controls((told.address, told.control_port), Control) as controls:
        controls.health = servicer
        controls.place, controls.lasting = place, lasting
        controls.serve_forever()


main()

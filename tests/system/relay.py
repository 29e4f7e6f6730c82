"""What stands between a client and the server and keeps what both said."""

import select
import socket
import ssl
import threading

from restante import client_context, unstuff


class Relay:
    """For one connection. tls: certificate and key that it shows to the client; it then speaks TLS to both sides."""

    def __init__(self, port, tls=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.said, self.heard = self.listener.getsockname()[1], b"", b""
        self.thread = threading.Thread(target=self.serve, args=(port, tls))
        self.thread.start()

    def serve(self, port, tls):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            client = context.wrap_socket(client, server_side=True)
            server = client_context().wrap_socket(server)
        pieces = {client: [], server: []}
        while self.pump(client, server, pieces[client]) and self.pump(server, client, pieces[server]):
            if not tls or not (client.pending() or server.pending()):
                select.select([client, server], [], [])
        self.said, self.heard = b"".join(pieces[client]), b"".join(pieces[server])
        for s in (client, server, self.listener):
            s.close()

    def pump(self, source, target, pieces):
        """What there is goes on to the other side. False: this side has ended."""
        source.settimeout(0)
        try:
            piece = source.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except ConnectionResetError:
            return False
        target.settimeout(60)
        target.sendall(piece)
        pieces.append(piece)
        return bool(piece)

    def messages(self):
        """{number: message} of the answers to RETR, and to TOP for all lines."""
        self.thread.join(30)
        found, at = {}, self.heard.index(b"\r\n") + 2
        for command in self.said.split(b"\r\n"):
            words = command.upper().split()
            if not words:
                continue
            end = self.heard.index(b"\r\n", at) + 2
            ok = self.heard.startswith(b"+OK", at)
            at = end
            lists = words[0] in (b"RETR", b"TOP", b"CAPA") or words[0] in (b"LIST", b"UIDL", b"AUTH") and len(words) == 1
            if ok and lists:
                end = at if self.heard.startswith(b".\r\n", at) else self.heard.index(b"\r\n.\r\n", at) + 2
                if words[0] in (b"RETR", b"TOP"):
                    found[int(words[1])] = unstuff(self.heard[at:end])
                at = end + 3
        return found

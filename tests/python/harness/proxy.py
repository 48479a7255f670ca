"""An HTTP proxy that only tunnels: every CONNECT, whatever its target, ends at one port of this machine."""

import socket
import threading


class Tunnel:
    """Remembers the targets that it was asked for and what a server said first."""

    def __init__(self, port):
        self.to, self.targets, self.first_bytes = port, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := client.recv(4096)):
                    return
                head += piece
            self.targets.append(head.split(b" ")[1].decode())
            with socket.create_connection(("127.0.0.1", self.to)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._copy, args=(server, client, self.first_bytes), daemon=True)
                back.start()
                self._copy(client, server, [])
                back.join()

    @staticmethod
    def _copy(source, target, first):
        try:
            piece = source.recv(65536)
            first.append(piece)
            while piece:
                target.sendall(piece)
                piece = source.recv(65536)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

// Owns a client that sends a request and does not read the response.
import { connect, type Socket } from "node:net";

/** Posts over a raw TCP socket, and reads nothing from it. */
export function postWithoutReading(url: string, body: object): Socket {
  const { hostname, port, host, pathname } = new URL(url);
  const text = JSON.stringify(body);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  // The server is expected to cut the connection; its metrics show when.
  socket.on("error", () => {});
  const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`;
  socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  return socket;
}

// Owns a client that asks and reads nothing of what it is answered.
import { connect, type Socket } from "node:net";

/** Posts in raw TCP, and takes nothing from its socket. */
export function postWithoutReading(url: string, body: object): Socket {
  const { hostname, port, host, pathname } = new URL(url);
  const text = JSON.stringify(body);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  // Being cut off is what is due; the server's metrics tell when.
  socket.on("error", () => {});
  const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`;
  socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  return socket;
}

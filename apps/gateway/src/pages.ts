// Owns which pages a gateway has, and where their build lies: the worker's own. The way is the same from the source and from the build.
import { fileURLToPath } from "node:url";
import { createPages } from "@waggle/pages";
import type { Pages } from "@waggle/pages";

export function createGatewayPages(): Pages {
  const folder = fileURLToPath(new URL("../../chat/dist/", import.meta.url));
  return createPages({
    folder,
    routes: { "/": "chat.html", "/status": "status.html", "/reference": "reference.html" },
  });
}

// Owns the routes of a gateway's pages and the path of their build, which the worker shares. The path is the same from source and build.
import { fileURLToPath } from "node:url";
import { createPages } from "@waggle/daemon/pages";
import type { Pages } from "@waggle/daemon/pages";

export function createGatewayPages(): Pages {
  const folder = fileURLToPath(new URL("../../pages/dist/", import.meta.url));
  return createPages({
    folder,
    routes: { "/": "chat.html", "/status": "status.html", "/reference": "reference.html" },
  });
}

// Owns which pages a worker has, and the path of their build. It is the same from the source and from the build.
import { fileURLToPath } from "node:url";
import { createPages } from "@waggle/daemon/pages";
import type { Pages } from "@waggle/daemon/pages";

export function createWorkerPages(): Pages {
  const folder = fileURLToPath(new URL("../../../pages/dist/", import.meta.url));
  return createPages({
    folder,
    routes: { "/": "chat.html", "/status": "status.html", "/reference": "reference.html" },
  });
}

// Owns the routes of a worker's pages and the folder of their build. The relative path is the same in the source and in the build.
import { fileURLToPath } from "node:url";
import { createPages } from "@waggle/daemon/pages";
import type { Pages } from "@waggle/daemon/pages";

export function createWorkerPages(): Pages {
  const folder = fileURLToPath(new URL("../../../pages/dist/", import.meta.url));
  return createPages({
    folder,
    routes: { "/": "chat.html", "/status": "status.html", "/reference": "reference.html", "/preview": "preview.html" },
  });
}

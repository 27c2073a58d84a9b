// Owns which page the hive has, and where its build lies. The way is the same from the source and from the build.
import { fileURLToPath } from "node:url";
import { createPages, type Pages } from "@waggle/pages";

export function createHivePages(): Pages {
  const folder = fileURLToPath(new URL("../../chat/dist/", import.meta.url));
  return createPages({ folder, routes: { "/": "hive.html" } });
}

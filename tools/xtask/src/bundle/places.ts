// Computes the path of a module after a build, relative to the root of the build. The root is the repository, or a package to install.
import { sep } from "node:path";

/**
 * @param path the module's source, relative to the repository's root
 * @returns the module's built file, relative to the root of the build
 */
export type PlaceOf = (path: string) => string;

/** Our sources are built into dist/ next to src/; all other files keep their paths. */
export const placeInWorkspace: PlaceOf = (path) =>
  path
    .split(sep)
    .join("/")
    .replace(/^((?:apps|packages)\/[^/]+)\/src\/(.+)\.tsx?$/, "$1/dist/$2.js");

/** In a package to install, each library has a folder with its name in `librariesFolder`. */
export const placeInPackage: PlaceOf = (path) =>
  placeInWorkspace(path).replace(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//, `${librariesFolder}/$1/`);

/** Not node_modules, because npm leaves that folder out of tarballs and removes unknown packages from it. */
export const librariesFolder = "libraries";

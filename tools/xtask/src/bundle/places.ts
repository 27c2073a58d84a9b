// Gives the path of a module after a build, relative to the root of the build: the repository itself, or a package to install.
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

/** In a package to install, libraries are in a separate folder, each under its name. */
export const placeInPackage: PlaceOf = (path) =>
  placeInWorkspace(path).replace(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//, `${librariesFolder}/$1/`);

/** Not node_modules: that folder belongs to npm, which leaves it out of tarballs and tidies it up. */
export const librariesFolder = "libraries";

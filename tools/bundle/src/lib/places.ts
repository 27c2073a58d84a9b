// Owns where a module lies after a build, seen from the root of what is built: the repository itself, or a package to install.
import { sep } from "node:path";

/**
 * @param path of a module's source, from the repository's root
 * @returns where its build lies, from the root of what is built
 */
export type PlaceOf = (path: string) => string;

/** A source of ours has its build in dist/ beside src/; everything else stays where it is. */
export const placeInWorkspace: PlaceOf = (path) =>
  path
    .split(sep)
    .join("/")
    .replace(/^((?:apps|packages)\/[^/]+)\/src\/(.+)\.tsx?$/, "$1/dist/$2.js");

/** In a package to install, libraries lie in a folder of their own, each under its name. */
export const placeInPackage: PlaceOf = (path) =>
  placeInWorkspace(path).replace(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//, `${librariesFolder}/$1/`);

/** Not node_modules: what lies there belongs to npm, which leaves it out of tarballs and tidies it up. */
export const librariesFolder = "libraries";

// Builds the error for a request that no route serves: 405 with the methods of its path, or 404 with the route that the client probably meant.
import { WaggleError } from "../errors.ts";
import { editsBetween } from "../fields/near.ts";

/** A route with its paths. `:name` is a segment, `:name{.+}` the rest of the path. The first path is the one that errors name. */
export interface KnownRoute {
  readonly method: string;
  readonly paths: readonly string[];
}

export interface RefusedRoute {
  readonly error: WaggleError;
  /** Value of the header Allow; undefined if the path is unknown. */
  readonly allow: string | undefined;
}

const shownChars = 200;
/** Accepted differences of a path: one for each of so many letters that are not a parameter's, and at least so many. */
const lettersPerEdit = 5;
const fewestEdits = 1;
/** A prefix to leave out is as far as two edits, so that a misspelled word with its prefix is nearer. */
const prefixEdits = 2;

/** Returns a function that refuses requests which match no route. */
export function createRouteRefusal(routes: readonly KnownRoute[]): (method: string, path: string) => RefusedRoute {
  const known = routes.flatMap(({ method, paths }) =>
    paths.map((path) => {
      const letters = path.replaceAll(parameters, "").length;
      const most = Math.max(fewestEdits, Math.floor(letters / lettersPerEdit));
      return {
        method,
        path,
        most,
        hasParameter: path.includes(":"),
        named: paths[0] ?? path,
        pattern: patternOf(path),
      };
    }),
  );

  /** No DELETE, which a client could send by this advice, and with a parameter, which takes any word, only the method of the request. */
  function nearRoute(method: string, path: string): string | undefined {
    const words = pathWords(path);
    let nearest: { readonly name: string; readonly distance: number } | undefined;
    for (const route of known) {
      const isSame = route.method === method;
      if (route.method === "DELETE" || (route.hasParameter && !isSame)) continue;
      const last = words.slice(-pathWords(route.path).length);
      // A prefix that is doubled or does not belong there, as in /v1/v1/models, is not counted letter by letter.
      const isSuffix = last.length < words.length && filled(route.path, last) === `/${last.join("/")}`;
      const edits = isSuffix ? prefixEdits : editsBetween(path, filled(route.path, words), route.most);
      if (edits === undefined) continue;
      const distance = 2 * edits + (isSame ? 0 : 1);
      if (distance >= (nearest?.distance ?? Infinity)) continue;
      nearest = { distance, name: `${route.method} ${named(route, isSuffix ? last : words)}` };
    }
    return nearest?.name;
  }

  return (asked, path) => {
    const cannot = `Cannot ${asked} ${path.slice(0, shownChars)}`;
    const method = asked === "HEAD" ? "GET" : asked;
    const methods = known.filter(({ pattern }) => pattern.test(path)).map((route) => route.method);
    // A server that tells a final slash apart refuses the path and not the method.
    if (methods.length > 0 && !methods.includes(method)) {
      const allowed = [...new Set(methods)].flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : one));
      const others = allowed.filter((one) => one !== "DELETE").join(", ");
      const why = others === "" ? `it accepts no ${asked}` : `it accepts ${others}`;
      return { allow: allowed.join(", "), error: new WaggleError("method_not_allowed", `${cannot}: ${why}.`) };
    }
    const near = nearRoute(method, path);
    const advice = near === undefined ? "" : ` Did you mean ${near}?`;
    return { allow: undefined, error: new WaggleError("not_found", `${cannot}: no such route.${advice}`) };
  };
}

const parameter = /^:(\w+)/;
const parameters = /:\w+(\{\.\+\})?/g;

function patternOf(path: string): RegExp {
  const words = pathWords(path).map((word) =>
    parameter.test(word) ? (word.endsWith("{.+}") ? ".+" : "[^/]+") : word.replaceAll(".", "\\."),
  );
  return new RegExp(`^/${words.join("/")}/?$`);
}

function pathWords(path: string): readonly string[] {
  return path.split("/").slice(1);
}

/** The path with the words of a request in place of its parameters. A parameter without a word stays, as `:name`. */
function filled(path: string, words: readonly string[]): string {
  return `/${pathWords(path)
    .map((word, index) => {
      const own = parameter.exec(word)?.[0];
      return own === undefined ? word : words[index] || own;
    })
    .join("/")}`;
}

/** The path to name in an error. A route's paths have the same parameters, from the end at the same places. */
function named(
  { path, named: shown }: { readonly path: string; readonly named: string },
  words: readonly string[],
): string {
  const more = pathWords(shown).length - pathWords(path).length;
  return filled(shown, more > 0 ? [...Array<string>(more).fill(""), ...words] : words.slice(-more));
}

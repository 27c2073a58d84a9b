// Owns the hostile requests for a table of routes: each field of each route with hostile values of its type. A request's name shows what was sent.
import { routePath, type Route } from "@waggle/protocol";
import { bodyFields, type BodyField } from "./fields.ts";
import {
  deepTexts,
  deepValues,
  hostileStrings,
  largeNests,
  largeTexts,
  largeArray,
  smallValues,
  wideObject,
  type HostileValue,
} from "./values.ts";

export interface HostileRequest {
  /** The route, the field and the kind of value. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: () => string;
}

/** All hostile requests for one field of one route. */
export interface FieldAttack {
  /** Such as `POST /v1/jobs stop[]`. */
  readonly name: string;
  readonly field: string;
  /** Requests that are cheap to send and to refuse. */
  readonly small: readonly HostileRequest[];
  /** Requests with deep nesting or of several megabytes. */
  readonly large: readonly HostileRequest[];
}

type Routes = Readonly<Record<string, Route>>;

/** Returns an attack for each field of each route. */
export function fieldAttacks(routes: Routes): FieldAttack[] {
  return Object.values(routes).flatMap((route) => [...bodyAttacks(route), ...nameAttacks(route)]);
}

/** Requests to each route with every wrong method. */
export function wrongMethods(routes: Routes): HostileRequest[] {
  const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"];
  return Object.values(routes).flatMap((route) =>
    methods
      .filter((method) => method !== methodOf(route))
      .map((method) => ({ name: `${method} ${route.path}`, method, path: pathOf(route) })),
  );
}

/** Bodies that are wrong as a whole, whatever their fields. */
export function brokenBodies(routes: Routes): HostileRequest[] {
  return Object.values(routes).flatMap((route) => {
    if (route.request === undefined) return [];
    const [whole] = bodyFields(route.request);
    const sound = whole?.sound ?? "{}";
    const bodies: readonly HostileValue[] = [
      { name: "an unfinished object", write: () => sound.slice(0, -1) },
      { name: "two objects", write: () => sound + sound },
      { name: "a byte order mark", write: () => `\uFEFF${sound}` },
      { name: "5 MB of blanks", write: () => " ".repeat(5_000_000) },
      { name: "each member twice", write: () => `${sound.slice(0, -1)},${sound.slice(1)}` },
      {
        name: "3.9 MB of unknown members",
        write: () => `${sound.slice(0, -1)},${wideObject("0", unknownName).slice(1)}`,
      },
    ];
    return bodies.map((value) => post(route, "the body", value.name, value.write));
  });
}

function bodyAttacks(route: Route): FieldAttack[] {
  if (route.request === undefined) return [];
  const all = bodyFields(route.request);
  return [...new Set(all.map(({ path }) => path))].map((path) => {
    const field = path === "" ? "(body)" : path;
    const fields = all.filter((one) => one.path === path);
    const [first] = fields;
    const send = (at: BodyField, { name, write }: HostileValue): HostileRequest =>
      post(route, field, name, () => at.body(write()));
    const large = new Map(fields.flatMap((at) => largeValues(at).map((value) => [value.name, send(at, value)])));
    return {
      name: `${methodOf(route)} ${route.path} ${field}`,
      field,
      small: first === undefined ? [] : smallValues.map((value) => send(first, value)),
      large: [...large.values()],
    };
  });
}

/** Large values of a field's type, and deep values for every field. */
function largeValues({ kind, soundItem, sound }: BodyField): readonly HostileValue[] {
  const lists = ["0", "null", "{}", '""', ...(soundItem === undefined ? [] : [soundItem])];
  const asList = lists.map((item) => ({ name: `3.9 MB of ${item}`.slice(0, 60), write: () => largeArray(item) }));
  const asObject: readonly HostileValue[] = [
    { name: "3.9 MB of numbered members", write: () => wideObject("0") },
    { name: "3.9 MB of numbered members of a wrong type", write: () => wideObject('""') },
    {
      name: "3.9 MB of unknown members next to the sound ones",
      write: () => `${sound.slice(0, -1)}${sound === "{}" ? "" : ","}${wideObject("0", unknownName).slice(1)}`,
    },
  ];
  switch (kind) {
    case "text":
      return [...deepValues, ...deepTexts, ...largeTexts];
    case "short text":
      return [...deepValues, ...largeTexts.slice(0, 1)];
    case "list":
      return [...deepValues, ...asList];
    case "object":
      return [...deepValues, ...asObject];
    case "open":
      return [...deepValues, ...largeTexts.slice(0, 1), ...largeNests];
    case "other":
      return deepValues;
  }
}

/** Attacks on parameters of the path and of the query, and on headers: texts of at most 15 kB. */
function nameAttacks(route: Route): FieldAttack[] {
  const { query = {}, headers = {} } = route;
  const texts = [...hostileStrings, "-1", "1e9", "99999999999999999999", "a".repeat(15_000)];
  const body = route.request === undefined ? undefined : bodyFields(route.request)[0]?.sound;
  const attack = (field: string, ask: (text: string) => Pick<HostileRequest, "path" | "headers">): FieldAttack => ({
    name: `${methodOf(route)} ${route.path} ${field}`,
    field,
    small: texts.map((text) => ({
      name: `${methodOf(route)} ${route.path} ${field}: ${JSON.stringify(text).slice(0, 40)}`,
      method: methodOf(route),
      ...ask(text),
      ...(body === undefined ? {} : { body: () => body }),
    })),
    large: [],
  });
  return [
    ...[...route.path.matchAll(/:([a-z_]+)/g)].map(([parameter]) =>
      attack(parameter, (text) => ({ path: route.path.replace(parameter, encodeURIComponent(text)) })),
    ),
    ...Object.keys(query).map((name) =>
      attack(`?${name}`, (text) => ({ path: `${pathOf(route)}?${name}=${encodeURIComponent(text)}` })),
    ),
    ...Object.keys(headers).map((name) =>
      attack(name, (text) => ({
        path: pathOf(route),
        headers: {
          [name]: Buffer.from(text)
            .toString("latin1")
            .replaceAll(/[^\x20-\x7e\xa0-\xff]/g, "?"),
        },
      })),
    ),
  ];
}

function post(route: Route, field: string, what: string, body: () => string): HostileRequest {
  return {
    name: `${methodOf(route)} ${route.path} ${field}: ${what}`,
    method: methodOf(route),
    path: pathOf(route),
    body,
  };
}

function methodOf({ method }: Route): string {
  return method.toUpperCase();
}

/** The path of a route, for a job or model that does not exist. */
function pathOf(route: Route): string {
  return routePath(route, { id: "nobody" });
}

function unknownName(index: number): string {
  return `x${index}`;
}

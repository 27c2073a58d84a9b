// Makes hostile bodies for a schema: for each array or record in the schema, a valid body in which this field has the maximum size.
import { bodyLimits } from "@waggle/protocol";
import type { z } from "zod";

type Schema = z.core.$ZodTypes;
type Json = unknown;

export interface HostileBody {
  /** Path of the array or record, such as `messages[].tool_calls`. */
  readonly field: string;
  /**
   * A body of about `chars` characters, in which the field has as many copies of the element (JSON) as `bodyLimits` allow. Spaces pad each copy.
   */
  fill(element: string, chars: number): string;
  /** A valid element, as JSON. */
  readonly right: string;
}

/** Placeholder for the filled field. */
const hole = "\u0000hole";

export function hostileBodies(schema: z.ZodType): readonly HostileBody[] {
  return containersOf(schema as unknown as Schema).map(({ field, kind, around, right }) => ({
    field,
    right: JSON.stringify(right),
    fill(element, chars) {
      const [before = "", after = ""] = JSON.stringify(around).split(JSON.stringify(hole));
      const size = chars - before.length - after.length;
      if (kind === "record") {
        const width = Math.floor(size / bodyLimits.members) - '"1234":,'.length;
        const members = Array.from({ length: bodyLimits.members }, (_, index) => `"${index}":${element.padEnd(width)}`);
        return `${before}{${members.join(",")}}${after}`;
      }
      const values = 1 + (element.match(/[[{,]/g)?.length ?? 0);
      const padded = element.padEnd(Math.ceil((values * size) / (bodyLimits.values - 100)));
      return `${before}[${`${padded},`.repeat(Math.floor(size / (padded.length + 1)) - 1)}${padded}]${after}`;
    },
  }));
}

interface Container {
  readonly field: string;
  readonly kind: "array" | "record";
  /** The smallest valid body, with `hole` in place of the field. */
  readonly around: Json;
  readonly right: Json;
}

function containersOf(schema: Schema): readonly Container[] {
  const { def } = schema._zod;
  switch (def.type) {
    case "array": {
      const element = def.element as Schema;
      const inner = containersOf(element).map((found) => ({
        ...found,
        field: `[]${found.field}`,
        around: [found.around],
      }));
      return [{ field: "", kind: "array", around: hole, right: leastOf(element) }, ...inner];
    }
    case "record":
      return [{ field: "", kind: "record", around: hole, right: leastOf(def.valueType as Schema) }];
    case "object": {
      const shape = def.shape as Record<string, Schema>;
      const least = leastOf(schema) as Record<string, Json>;
      return Object.entries(shape).flatMap(([key, member]) =>
        containersOf(member).map((found) => ({
          ...found,
          field: `.${key}${found.field}`,
          around: { ...least, [key]: found.around },
        })),
      );
    }
    case "union":
      return (def.options as readonly Schema[]).flatMap(containersOf);
    default:
      return inside(schema) === undefined ? [] : containersOf(inside(schema) as Schema);
  }
}

/** The smallest valid value. */
function leastOf(schema: Schema): Json {
  const { def } = schema._zod;
  switch (def.type) {
    case "string":
      return "x";
    case "number":
      return 1;
    case "boolean":
      return true;
    case "literal":
      return def.values[0];
    case "enum":
      return Object.values(def.entries)[0];
    case "array":
      return [leastOf(def.element as Schema)];
    case "record":
      return {};
    case "object":
      return Object.fromEntries(
        Object.entries(def.shape as Record<string, Schema>)
          .filter(([, member]) => member._zod.optin === undefined)
          .map(([key, member]) => [key, leastOf(member)]),
      );
    case "union":
      return leastOf(def.options[0] as Schema);
    default:
      return inside(schema) === undefined ? 0 : leastOf(inside(schema) as Schema);
  }
}

/** The schema inside of an optional, a nullable, a default or a pipe. */
function inside(schema: Schema): Schema | undefined {
  const { def } = schema._zod;
  if ("innerType" in def) return def.innerType as Schema;
  return "in" in def ? (def.in as Schema) : undefined;
}

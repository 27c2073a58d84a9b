// Owns the search for the fields of a body in its schema, so that tests attack new fields without a change here.
import { optionsOfMessages } from "@waggle/protocol";
import { z } from "zod";

/** A place in a body that takes a value. */
export interface BodyField {
  /** Such as `messages[].content`. */
  readonly path: string;
  /** `short text` has a maximum length in the schema. `open` takes values of any type. */
  readonly kind: "text" | "short text" | "list" | "object" | "open" | "other";
  /** A valid value of this field, as JSON. */
  readonly sound: string;
  /** A valid item of a list, as JSON; undefined for other fields. */
  readonly soundItem: string | undefined;
  /** Returns the whole body with this JSON in the field, and with valid values in all other fields. */
  readonly body: (value: string) => string;
}

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
}

/** A JSON string that is valid as any id, name and key. */
const soundText = '"1"';
/** Valid values that the schema does not show: a low number of tokens, and the name of the test's model. */
const soundValues: ReadonlyMap<string, string> = new Map([
  ["max_tokens", "4"],
  ["max_output_tokens", "4"],
  ["model", '"waggle-tiny-stories"'],
]);
/** Fields that a request without messages cannot have. */
const needMessages: readonly string[] = [...optionsOfMessages, "mcp_tools"];
const schemaDepth = 16;

/** A name that no schema has. */
const otherName = "1";

/** All fields of a request body, the body itself first. */
export function bodyFields(request: z.ZodType): BodyField[] {
  const root = z.toJSONSchema(request, { io: "input", unrepresentable: "any" }) as Schema;
  const fields: BodyField[] = [];
  const known = new Set<string>();

  function resolve(schema: Schema): Schema {
    const name = schema.$ref?.split("/").at(-1);
    return name === undefined ? schema : resolve(root.$defs?.[name] ?? {});
  }

  /** The other fields that an object needs next to the attacked field, with valid values. */
  function siblings(schema: Schema, attacked: string | undefined, isRoot: boolean): Map<string, string> {
    const properties = schema.properties ?? {};
    const names = new Set(schema.required ?? []);
    // The schema does not show that a body needs `prompt` or `messages`, nor which options need `messages`.
    if (isRoot && "prompt" in properties && needMessages.some((name) => name === attacked)) names.add("messages");
    if (isRoot && !names.has("prompt") && !names.has("messages") && attacked !== "messages" && "prompt" in properties)
      names.add("prompt");
    for (const name of isRoot ? soundValues.keys() : []) if (name in properties) names.add(name);
    return new Map([...names].map((name) => [name, sound(properties[name] ?? {}, name)]));
  }

  function sound(given: Schema, name = ""): string {
    const due = soundValues.get(name);
    if (due !== undefined) return due;
    const schema = resolve(given);
    const [branch] = branchesOf(schema);
    if (branch !== undefined) return sound(branch, name);
    if (schema.type === "null") return "null";
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    const [value] = schema.enum ?? schema.examples ?? [];
    if (value !== undefined) return JSON.stringify(value);
    switch (typeOf(schema)) {
      case "string":
        return soundText;
      case "integer":
      case "number":
        return String(schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1);
      case "boolean":
        return "false";
      case "array":
        if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => sound(item)).join()}]`;
        return `[${Array.from({ length: schema.minItems ?? 0 }, () => sound(schema.items ?? {})).join()}]`;
      default:
        return objectText(siblings(schema, undefined, false));
    }
  }

  function visit(given: Schema, path: string, body: BodyField["body"], depth: number): void {
    const schema = resolve(given);
    const branches = branchesOf(schema);
    if (branches.length > 0) {
      for (const branch of branches) visit(branch, path, body, depth);
      return;
    }
    const key = `${path} ${JSON.stringify(schema)}`;
    if (known.has(key) || depth === schemaDepth) return;
    known.add(key);
    const { prefixItems = [], properties = {}, additionalProperties } = schema;
    const items = prefixItems.length === 0 && schema.maxItems !== 0 ? schema.items : undefined;
    const soundItem = items === undefined ? undefined : sound(items);
    const whole = path === "" ? objectText(siblings(schema, undefined, true)) : sound(schema, path);
    fields.push({ path, kind: fieldKind(schema), sound: whole, soundItem, body });
    const more = Array.from({ length: Math.max(0, (schema.minItems ?? 1) - 1) }, () => soundItem);
    if (items !== undefined) visit(items, `${path}[]`, (value) => body(`[${[value, ...more].join()}]`), depth + 1);
    for (const [at, item] of prefixItems.entries()) {
      const inPlace = (value: string): string =>
        prefixItems.map((other, i) => (i === at ? value : sound(other))).join();
      visit(item, `${path}[${at}]`, (value) => body(`[${inPlace(value)}]`), depth + 1);
    }
    for (const [name, property] of Object.entries(properties)) {
      const others = siblings(schema, name, path === "");
      const inside: BodyField["body"] = (value) => body(objectText(new Map(others).set(name, value)));
      visit(property, path === "" ? name : `${path}.${name}`, inside, depth + 1);
    }
    if (typeof additionalProperties === "object") {
      const others = siblings(schema, undefined, path === "");
      const inside: BodyField["body"] = (value) => body(objectText(new Map(others).set(otherName, value)));
      visit(additionalProperties, `${path}{}`, inside, depth + 1);
    }
  }

  visit(root, "", (value) => value, 0);
  return fields;
}

function branchesOf({ anyOf, oneOf }: Schema): readonly Schema[] {
  return (anyOf ?? oneOf ?? []).filter((branch) => branch.type !== "null");
}

function typeOf({ type }: Schema): string | undefined {
  return typeof type === "string" ? type : type?.find((name) => name !== "null");
}

function fieldKind(schema: Schema): BodyField["kind"] {
  if (schema.const !== undefined || schema.enum !== undefined) return "other";
  switch (typeOf(schema)) {
    case "string":
      return schema.maxLength === undefined ? "text" : "short text";
    case "array":
      return "list";
    case "object":
      return "object";
    case undefined:
      return "open";
    default:
      return "other";
  }
}

function objectText(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`;
}

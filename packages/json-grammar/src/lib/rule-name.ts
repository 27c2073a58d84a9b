// Owns what a rule is called: a reader of the grammar should find the schema that it came from.

/** Keywords that say nothing about what a schema is. */
const silent: ReadonlySet<string> = new Set([
  "properties",
  "$defs",
  "definitions",
  "allOf",
  "anyOf",
  "oneOf",
  "prefixItems",
  "~",
]);
const spoken: ReadonlyMap<string, string> = new Map([
  ["items", "item"],
  ["additionalProperties", "extra"],
]);

/** From the JSON Pointer of a schema: `/properties/tags/items` is `tags-item`. Not unique. `root` is what the whole schema is called. */
export function ruleName(pointer: string, root: string): string {
  if (pointer === "") return root;
  const keys = pointer.split("/").slice(1);
  const words = keys.map((key) =>
    silent.has(key) ? "" : /^\d+$/.test(key) ? String(Number(key) + 1) : (spoken.get(key) ?? key),
  );
  return [root === "root" ? "" : root, ...words].filter((word) => word !== "").join("-");
}

// Names rules after their schemas, so that a reader of the grammar can find the schema of a rule.

/** Keywords that are left out of names. */
const omitted: ReadonlySet<string> = new Set([
  "properties",
  "$defs",
  "definitions",
  "allOf",
  "anyOf",
  "oneOf",
  "prefixItems",
  "~",
]);
const renamed: ReadonlyMap<string, string> = new Map([
  ["items", "item"],
  ["additionalProperties", "extra"],
]);

/** Makes a name from a schema's JSON Pointer: `/properties/tags/items` gives `tags-item`. Several schemas may get one name. `root` names the whole schema. */
export function ruleName(pointer: string, root: string): string {
  if (pointer === "") return root;
  const keys = pointer.split("/").slice(1);
  const words = keys.map((key) =>
    omitted.has(key) ? "" : /^\d+$/.test(key) ? String(Number(key) + 1) : (renamed.get(key) ?? key),
  );
  return [root === "root" ? "" : root, ...words].filter((word) => word !== "").join("-");
}

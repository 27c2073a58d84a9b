// A module hook: workspace packages resolve to their TypeScript source, as under `node --conditions=source`.
export function resolve(specifier, context, nextResolve) {
  if (!specifier.startsWith("@waggle/")) return nextResolve(specifier, context);
  return nextResolve(specifier, { ...context, conditions: ["source", ...context.conditions] });
}

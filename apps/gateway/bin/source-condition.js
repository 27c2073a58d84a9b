// A module hook: workspace packages resolve to their TypeScript source, as under `node --conditions=waggle-source`.
export function resolve(specifier, context, nextResolve) {
  if (!specifier.startsWith("@waggle/")) return nextResolve(specifier, context);
  return nextResolve(specifier, { ...context, conditions: ["waggle-source", ...context.conditions] });
}

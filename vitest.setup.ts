// Owns what property tests ask: something new each time on a developer's machine, the same each time where a whole suite
// must be comparable with its last run.
const seed = process.env["WAGGLE_PROPERTY_SEED"];

if (seed !== undefined) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(seed) });
}

export {};

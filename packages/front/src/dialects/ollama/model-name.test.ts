import { describe, expect, test } from "vitest";
import type { ServedModel, ServedModels } from "../../server/context.ts";
import { askedModel, isNameOf, publicName } from "./model-name.ts";

describe("the public name", () => {
  test.each([
    ["waggle-fake", "waggle-fake:latest"],
    ["Waggle Tiny Stories", "Waggle-Tiny-Stories:latest"],
    ["u/r:Q8_0", "u/r:Q8_0"],
    ["registry:5000/u/r", "registry:5000/u/r:latest"],
    ["für alle / 🐝", "f-r-alle-/-:latest"],
  ])("of %s is %s", (served, name) => {
    expect(publicName(served)).toBe(name);
    expect(publicName(name)).toBe(name);
  });
});

describe("a requested name", () => {
  test.each([
    ["waggle-fake", "waggle-fake"],
    ["waggle-fake:latest", "waggle-fake"],
    ["WAGGLE-Fake", "waggle-fake"],
    ["Waggle Tiny Stories", "Waggle Tiny Stories"],
    ["Waggle Tiny Stories:latest", "Waggle Tiny Stories"],
    ["waggle-tiny-stories", "Waggle Tiny Stories"],
    ["u/r:q8_0", "u/r:Q8_0"],
  ])("%s means the model %s", (asked, served) => {
    expect(isNameOf(asked, served)).toBe(true);
  });

  test.each([
    ["waggle-fake:7b", "waggle-fake"],
    ["llama3.2", "waggle-fake"],
    ["u/r", "u/r:Q8_0"],
  ])("%s does not mean the model %s", (asked, served) => {
    expect(isNameOf(asked, served)).toBe(false);
  });
});

describe("a request names a model", () => {
  const served = { name: "m", aliases: ["short"] } as unknown as ServedModel;
  const models = { all: () => [served], fallback: undefined } as unknown as ServedModels;

  test("by its exact name; models whose names differ only in case, or in characters that public names replace, come second", () => {
    const all = ["Tale", "tale", "a b", "a-b"].map((name) => ({ name, aliases: [] }) as unknown as ServedModel);
    const among = { all: () => all, fallback: undefined } as unknown as ServedModels;
    for (const one of all) expect(askedModel({ model: one.name }, among).served).toBe(one);
    expect(askedModel({ model: "tale:latest" }, among).served.name).toBe("tale");
    expect(askedModel({ model: "TALE" }, among).served.name).toBe("Tale");
  });

  test("and learns that the server has none", () => {
    expect(() => askedModel({ model: "x" }, { ...models, all: () => [] })).toThrow(
      `model 'x' not found: this server has no models. "waggle pull" downloads one.`,
    );
    expect(() => askedModel({ model: "x" }, models)).toThrow(/^model 'x' not found$/);
  });

  test("by an alias, or by any name if there is a model for unknown names", () => {
    expect(askedModel({ model: "SHORT" }, models).served).toBe(served);
    expect(askedModel({ model: "x" }, { ...models, fallback: served })).toEqual({ asked: "x", served });
  });
});

import { describe, expect, it } from "vitest";
import { serveArguments } from "./serve-arguments.ts";

describe("arguments of waggle serve", () => {
  it("are models at every position, and flags keep their values", () => {
    const argv = ["a.gguf", "--slots", "4", "hf:u/r:Q4_0", "--offline", "b.gguf", "--port=0"];
    expect(serveArguments(argv)).toEqual([
      ...["--model", "a.gguf", "--slots", "4", "--model", "hf:u/r:Q4_0", "--offline", "--model", "b.gguf", "--port=0"],
    ]);
  });

  it("keep unknown flags, which the worker refuses", () => {
    expect(serveArguments(["--nonsense", "--slots"])).toEqual(["--nonsense", "--slots"]);
  });
});

// Tests that a failure in the background is a rejection with the name of the work.
import { once } from "node:events";
import { expect, it } from "vitest";
import { inBackground } from "./in-background.ts";

it("gives a failure the name of its work", async () => {
  const others = process.rawListeners("unhandledRejection") as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners("unhandledRejection");
  try {
    const failed = once(process, "unhandledRejection");
    inBackground("do it", Promise.reject(new Error("it is broken")));
    inBackground("do it", undefined);
    const named = { name: "BackgroundError", message: "Cannot do it: it is broken" };
    expect((await failed)[0]).toMatchObject({ ...named, cause: new Error("it is broken") });
  } finally {
    for (const listener of others) process.on("unhandledRejection", listener);
  }
});

import { describe, expect, it } from "vitest";
import { deferred } from "./deferred.ts";

describe("deferred", () => {
  it("is settled by the first call; later calls change nothing", async () => {
    const value = deferred<number>();
    expect(value.settled).toBe(false);
    value.resolve(1);
    value.resolve(2);
    value.reject(new Error("too late"));
    expect(value.settled).toBe(true);
    expect(await value.promise).toBe(1);
  });

  it("rejects with the given reason", async () => {
    const value = deferred<number>();
    value.reject("reason");
    expect(value.settled).toBe(true);
    await expect(value.promise).rejects.toBe("reason");
  });
});

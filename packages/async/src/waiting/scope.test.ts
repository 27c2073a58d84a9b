import { describe, expect, it, vi } from "vitest";
import { deferred } from "./deferred.ts";
import { createScope } from "./scope.ts";

describe("createScope", () => {
  it("releases the last resource first, each after the previous release has finished", async () => {
    const order: string[] = [];
    const gate = deferred<void>();
    const scope = createScope();
    scope.defer(() => order.push("first"));
    const resource = { [Symbol.dispose]: () => void order.push("second") };
    expect(scope.use(resource)).toBe(resource);
    scope.use({
      async [Symbol.asyncDispose]() {
        await gate.promise;
        order.push("third");
      },
    });
    const closing = scope.close();
    await Promise.resolve();
    expect(order).toEqual([]);
    gate.resolve();
    await closing;
    expect(order).toEqual(["third", "second", "first"]);
  });

  it("continues after an error and throws all errors together", async () => {
    const released = vi.fn<() => void>();
    const scope = createScope();
    scope.defer(() => Promise.reject(new Error("second")));
    scope.defer(released);
    scope.defer(() => {
      throw new Error("first");
    });
    const error: unknown = await scope.close().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors).toEqual([new Error("first"), new Error("second")]);
    expect(released).toHaveBeenCalledOnce();
  });

  it("closes once, also when a release closes the scope again", async () => {
    const released = vi.fn<() => void>();
    const scope = createScope();
    scope.defer(() => {
      released();
      void scope.close();
    });
    await Promise.all([scope.close(), scope.close()]);
    expect(released).toHaveBeenCalledOnce();
  });

  it("returns the same promise for every close, so that all callers wait for all releases", async () => {
    const scope = createScope();
    scope.defer(() => Promise.reject(new Error("broken")));
    const closing = scope.close();
    expect(scope.close()).toBe(closing);
    await expect(closing).rejects.toBeInstanceOf(AggregateError);
  });

  it("rejects resources once it is closing", async () => {
    const scope = createScope();
    const closing = scope.close();
    expect(() => scope.defer(() => {})).toThrow("Cannot add to the scope: it is closed");
    await closing;
  });
});

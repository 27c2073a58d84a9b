// Shows that the public types are those of the protocol: the compiler refuses this file if they differ.
import type { GenerateRequestInput, StreamEvent as OfProtocol } from "@waggle/protocol";
import { expectTypeOf, it } from "vitest";
import type { AskRequest } from "./waggle.ts";
import type { EndEvent, Message, Receipt, StreamEvent, Tool } from "./wire.ts";

type Of<E, T> = Extract<E, { type: T }>;

it("each event of the protocol is an event of the public types, with the same fields", () => {
  expectTypeOf<OfProtocol>().toExtend<StreamEvent>();
  expectTypeOf<StreamEvent["type"]>().toEqualTypeOf<OfProtocol["type"]>();
  type Fields<E extends { type: string }> = { [T in E["type"]]: keyof Of<E, T> };
  expectTypeOf<Fields<StreamEvent>>().toEqualTypeOf<Fields<OfProtocol>>();
  type Theirs = NonNullable<Of<OfProtocol, "end">["receipt"]>;
  expectTypeOf<keyof Receipt>().toEqualTypeOf<keyof Theirs>();
  expectTypeOf<EndEvent["usage"]>().toEqualTypeOf<Of<OfProtocol, "end">["usage"]>();
  expectTypeOf<EndEvent["timings"]>().toEqualTypeOf<Of<OfProtocol, "end">["timings"]>();
  expectTypeOf<EndEvent["message"]>().toEqualTypeOf<Of<OfProtocol, "end">["message"]>();
});

it("what a program may ask is what the protocol accepts", () => {
  expectTypeOf<Message>().toExtend<NonNullable<GenerateRequestInput["messages"]>[number]>();
  expectTypeOf<Tool>().toExtend<NonNullable<GenerateRequestInput["tools"]>[number]>();
  expectTypeOf<Exclude<keyof AskRequest, "session" | "signal" | "fields">>().toExtend<keyof GenerateRequestInput>();
});

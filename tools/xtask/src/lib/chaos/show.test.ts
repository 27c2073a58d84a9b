// Tests which figures are the worst.
import { expect, it } from "vitest";
import { worstFigures } from "./show.ts";
import type { Row } from "./stage.ts";

it("names the largest of each figure, with its row", () => {
  const row = (name: string, numbers: Row["numbers"]): Row => ({
    name,
    ok: true,
    details: "",
    numbers,
    duration_ms: 1,
  });
  const rows = [row("kill", { ready_ms: 700.04, deaths: 1 }), row("stop", { ready_ms: 2_300.26 }), row("none", {})];
  const group = { name: "engine", title: "Engines", ok: true, rows, tables: [], duration_ms: 1 };
  expect(worstFigures({ groups: [group] }).rows).toEqual([
    ["engine", "ready_ms", "2300.3", "stop"],
    ["engine", "deaths", "1", "kill"],
  ]);
});

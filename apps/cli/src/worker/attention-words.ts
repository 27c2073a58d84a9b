// Says which attention a model is loaded with, and what the other one would cost.
import type { AttentionCosts } from "@waggle/protocol";

/** @param hasFlash whether the model is loaded with flash attention */
export function attentionWords({ cells, flash, plain }: AttentionCosts, hasFlash: boolean): string {
  const [chosen, other] = hasFlash ? [flash, plain] : [plain, flash];
  const times = (cost: keyof typeof flash): string => (other[cost] / chosen[cost]).toFixed(1);
  const [name, otherwise] = hasFlash ? ["with", "without"] : ["without", "with"];
  return `${name} flash attention; ${otherwise} it, attention takes ${times("row_ms")} times as long for a stream's token after ${cells.toLocaleString("en")} tokens here, and ${times("tile_ms")} times for a prompt's`;
}

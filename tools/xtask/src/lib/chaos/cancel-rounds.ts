// Owns the rounds of one phase of the cancel matrix: each route, in each way, as often as the run is long.
import { runCell, type Cell } from "./cancel-cell.ts";
import { routes, type Route } from "./cancel-routes.ts";
import type { Matrix } from "./matrix.ts";
import type { Stage } from "./stage.ts";
import { ways } from "./ways.ts";

export interface Rounds extends Omit<Cell, "route" | "way"> {
  readonly matrix: Matrix;
}

const longRounds = 20;

export async function runRounds(stage: Stage, { matrix, ...cell }: Rounds): Promise<void> {
  for (const route of routes)
    matrix.note(cell.phase.name, route.name, await runRoute(stage, matrix, { ...cell, route }));
}

/** Resolves with what stands in the matrix: the most steps of all ways and rounds, or that something did not hold. */
async function runRoute(stage: Stage, matrix: Matrix, cell: Omit<Cell, "way"> & { route: Route }): Promise<string> {
  let worst = 0;
  let allHeld = true;
  for (const way of ways) {
    for (let round = 0; round < (stage.long ? longRounds : 1); round += 1) {
      const held = await stage.check(`${cell.phase.name} by ${cell.route.name} (${way.name})`, async (facts) => {
        worst = Math.max(worst, await runCell({ ...cell, way }, facts));
      });
      allHeld &&= held;
    }
  }
  return allHeld ? String(worst) : matrix.failedMark;
}

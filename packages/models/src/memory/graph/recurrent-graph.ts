// Adds the tensors of a recurrent layer to a graph: exact for mamba (mamba-base.cpp), and of about the right size for other architectures.
import type { RecurrentShape } from "../../header/index.ts";
import type { Tensor } from "./graph.ts";
import type { Pass } from "./pass.ts";

/** Indexes of the sequences' states. */
export function recurrentInput({ graph, sequences }: Pass): Tensor {
  return graph.input([sequences]);
}

/** @param state count of the numbers in a sequence's state */
export function recurrentLayer(pass: Pass, source: Tensor, places: Tensor, state: number): Tensor {
  const { shape } = pass;
  const numbers = shape.numbers.recurrent;
  if (numbers === undefined) return plainState(pass, source, places, state);
  return shape.architecture === "mamba" || shape.architecture === "jamba"
    ? mamba(pass, source, places, numbers)
    : mambaOfHeads(pass, source, places, numbers);
}

/** llama.cpp copies the states of sequences without tokens in this pass. All sequences have tokens here, so the copy has 0 bytes. */
function keepOthers({ graph }: Pass, places: Tensor): void {
  graph.expand(graph.store(graph.compute([0], [graph.view(places)])));
}

function mamba(
  pass: Pass,
  source: Tensor,
  places: Tensor,
  { convolutionKernel, innerSize, stateSize, timeStepRank }: RecurrentShape,
): Tensor {
  const { graph, shape, tokens, sequences } = pass;
  const each = tokens / sequences;
  const place = (): Tensor => graph.view(places);
  const before = graph.compute([(convolutionKernel - 1) * innerSize, sequences], [place()]);
  graph.expand(before);
  keepOthers(pass, places);
  const both = graph.compute([2 * innerSize, tokens], [graph.view(source, [shape.width, each, sequences])]);
  const [half, otherHalf] = [graph.view(both), graph.view(both)];
  const joined = graph.compute(
    [convolutionKernel - 1 + each, innerSize, sequences],
    [graph.view(before, [convolutionKernel - 1, innerSize, sequences]), graph.view(half)],
  );
  graph.expand(graph.store(graph.view(joined)));
  const convolved = graph.compute([innerSize, each, sequences], [joined]);
  const x = graph.inPlace(graph.inPlace(convolved));
  const selected = graph.compute([timeStepRank + 2 * stateSize, each, sequences], [x]);
  const steps = graph.inPlace(
    graph.compute(
      [innerSize, each, sequences],
      [graph.compute([timeStepRank, each, sequences], [graph.view(selected)])],
    ),
  );
  const scanned = graph.compute(
    [innerSize * tokens + stateSize * innerSize * sequences],
    [graph.view(x, [1, innerSize, each, sequences]), steps, graph.view(selected), graph.view(selected), place()],
  );
  graph.expand(scanned);
  keepOthers(pass, places);
  graph.expand(graph.store(graph.view(scanned)));
  const y = graph.inPlace(graph.view(scanned, [innerSize, each, sequences]), graph.inPlace(x));
  const gated = graph.compute(
    [innerSize, each, sequences],
    [graph.compute([innerSize, each, sequences], [otherHalf]), y],
  );
  return graph.view(graph.compute([shape.width, each, sequences], [gated]), [shape.width, tokens]);
}

/** mamba2. Also an approximation for other architectures with a state for each head. */
function mambaOfHeads(
  pass: Pass,
  source: Tensor,
  places: Tensor,
  { convolutionKernel, innerSize, stateSize, timeStepRank, groups }: RecurrentShape,
): Tensor {
  const { graph, shape, tokens, sequences } = pass;
  const each = tokens / sequences;
  const convolvedSize = innerSize + 2 * groups * stateSize;
  const before = graph.compute([(convolutionKernel - 1) * convolvedSize, sequences], [graph.view(places)]);
  graph.expand(before);
  keepOthers(pass, places);
  const all = graph.compute([innerSize + convolvedSize + timeStepRank, tokens], [source]);
  const joined = graph.compute(
    [convolutionKernel - 1 + each, convolvedSize, sequences],
    [graph.view(before), graph.view(graph.view(all))],
  );
  graph.expand(graph.store(graph.view(joined)));
  const x = graph.inPlace(graph.inPlace(graph.compute([convolvedSize, each, sequences], [joined])));
  const steps = graph.inPlace(graph.compute([timeStepRank, each, sequences], [graph.view(all)]));
  const scanned = graph.compute(
    [innerSize * tokens + stateSize * innerSize * sequences],
    [graph.view(x), steps, graph.view(x), graph.view(x), graph.view(places)],
  );
  graph.expand(scanned);
  keepOthers(pass, places);
  graph.expand(graph.store(graph.view(scanned)));
  const skipped = graph.compute([innerSize, each, sequences], [graph.view(x)]);
  const y = graph.inPlace(graph.view(scanned, [innerSize, each, sequences]), skipped);
  const gated = graph.compute([innerSize, each, sequences], [graph.view(all), y]);
  return graph.compute([shape.width, tokens], [graph.inPlace(gated)]);
}

/** Approximation for other recurrent layers: the state is read, mixed with the tokens, and written back. */
function plainState(pass: Pass, source: Tensor, places: Tensor, state: number): Tensor {
  const { graph, shape, tokens, sequences } = pass;
  const before = graph.compute([state, sequences], [graph.view(places)]);
  graph.expand(before);
  keepOthers(pass, places);
  const wide = graph.compute([3 * shape.width, tokens], [source]);
  const mixed = graph.compute([shape.width, tokens], [graph.view(wide), before]);
  graph.expand(graph.store(graph.view(mixed)));
  return graph.compute([shape.width, tokens], [mixed]);
}

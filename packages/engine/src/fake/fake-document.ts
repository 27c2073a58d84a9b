// Owns a document like a model's long answer, with prose, code, tables, lists and formulas. The fake model writes the document for tests of
// rendering.
const fence = "```";

export const fakeDocument = `## How a hive keeps its warmth

A winter cluster is a ball of bees around the queen. The ones outside form a **mantle**, the ones inside make heat by
moving their flight muscles, and they change places all the time. At $T_c = 21$ degrees in the middle the colony uses
about 1.2 kg of honey in a month ([see the notes](https://bees.example/notes)).

1. Measure the temperature at \`core\` and \`mantle\`.
2. Compute the loss through the surface:
   - the radius from the number of bees,
   - the conductance from the mantle's density.
3. Compare it with the honey that is left.

$$
P = 4 \\pi r^2 h (T_c - T_m)
$$

${fence}python
from dataclasses import dataclass

@dataclass
class Cluster:
    bees: int
    core: float = 21.0  # degrees Celsius
    mantle: float = 8.0

    def loss(self, conductance: float = 0.35) -> float:
        """Watts that leave through the mantle."""
        radius = 0.0062 * self.bees ** (1 / 3)
        return 4 * 3.14159 * radius ** 2 * conductance * (self.core - self.mantle)

for bees in (8_000, 12_000, 20_000):
    print(f"{bees:>6} bees lose {Cluster(bees).loss():.2f} W")
${fence}

| bees   | radius | loss in watts | honey left    |
| :----- | :----: | ------------: | ------------- |
| 8,000  | 12 cm  |          0.84 | until January |
| 12,000 | 14 cm  |          1.10 | until March   |
| 20,000 | 17 cm  |          1.55 | until April   |

${fence}ts
interface Reading {
  readonly at: Date;
  readonly degrees: number;
}

/** The mean of the readings of one night. */
export function meanOf(readings: readonly Reading[]): number {
  const sum = readings.reduce((total, { degrees }) => total + degrees, 0);
  return readings.length === 0 ? Number.NaN : sum / readings.length;
}
${fence}

> A colony that is too small cannot keep its core warm, however much honey it has.

`;

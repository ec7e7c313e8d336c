/** One figure of one contestant, with all the times it was taken. */
export interface Figure {
  readonly contestant: string;
  readonly values: readonly number[];
}

/** One line of the table: what was measured, and what everybody reached. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly isMoreBetter: boolean;
  readonly figures: readonly Figure[];
  /** Which contestants the product is held against, with the ratio to reach, as a share of theirs. */
  readonly targets: readonly Target[];
  /** What the product's own median may be at most. */
  readonly atMost?: number;
  /** And at least. */
  readonly atLeast?: number;
}

export interface Target {
  readonly against: string;
  readonly atLeast: number;
}

export type Sample = () => Promise<Readonly<Record<string, number>>>;

/**
 * Takes each contestant's sample in turn, in an order shuffled anew for each round, so that a noisy machine disturbs all of
 * them alike; a sample has one or several named figures.
 */
export async function interleave(samples: Readonly<Record<string, Sample>>, rounds: number, onSample: (name: string) => void, onFailure: (name: string, error: unknown) => void): Promise<Map<string, Figure[]>> {
  const collected = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, sample] of shuffled(Object.entries(samples))) {
      onSample(name);
      try {
        for (const [figure, value] of Object.entries(await sample())) add(collected, figure, name, value);
      } catch (error) {
        // The others' figures are worth having all the same.
        onFailure(name, error);
      }
    }
  }
  const names = Object.keys(samples);
  return new Map([...collected].map(([figure, byContestant]) => [figure, names.flatMap((contestant) => {
    const values = byContestant.get(contestant);
    return values === undefined ? [] : [{ contestant, values }];
  })]));
}

function add(collected: Map<string, Map<string, number[]>>, figure: string, contestant: string, value: number): void {
  const byContestant = collected.get(figure) ?? new Map<string, number[]>();
  collected.set(figure, byContestant);
  byContestant.set(contestant, [...(byContestant.get(contestant) ?? []), value]);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, key: Math.random() })).sort((one, other) => one.key - other.key).map(({ item }) => item);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The product's median as a share of another's: above 1 is better where more is better. */
export function ratioTo(row: Row, against: string): number {
  const of = (name: string): number => median(row.figures.find(({ contestant }) => contestant === name)?.values ?? []);
  return of('culvert') / of(against);
}

// Owns the parsing of option values: numbers within bounds, and choices by name.

/** An option has an invalid value. The command line reports the mistake like an unknown option. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** Parses the number of an option. @throws OptionError that names the option */
export function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  throw new OptionError(`Cannot use ${flag} ${text}: it must be a number from ${least} to ${most}`);
}

export function integerOf(flag: string, text: string, least: number, most: number): number {
  if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new OptionError(`Cannot use ${flag} ${text}: it must be a whole number from ${least} to ${most}`);
}

/** The items with these names, in the order of `all`; all items if no names are given. @throws OptionError that lists the known names */
export function namedOf<T extends { readonly name: string }>(
  failure: string,
  all: readonly T[],
  names: readonly string[] = [],
): readonly T[] {
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new OptionError(`${failure} ${unknown}: there are ${all.map(({ name }) => name).join(", ")}`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

export const mostSeed = 2_147_483_647;

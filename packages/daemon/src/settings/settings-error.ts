// Owns the error of settings that cannot be used.

/** Each problem is a whole sentence that names the flag, the variable, or the file and its line. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join("\n"), options);
    this.problems = problems;
  }
}

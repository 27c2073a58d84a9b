// Owns Python's numbers: integers of any size up to a limit, floats that stay floats, and the text of floats.
import { maxIntegerBits } from "../limits.ts";
import { failure, overLimit } from "../template-error.ts";
import { floatValue, isFloat, type Float } from "./value.ts";
import type { Arithmetic } from "../syntax/nodes.ts";

export type Num = number | bigint | boolean | Float;

/** A safe integer as a number, a larger integer as a bigint. */
export function integer(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** The value as a double; a large integer is rounded. */
export function toDouble(value: Num): number {
  return isFloat(value) ? value.value : Number(value);
}

/** @throws TemplateError failed for infinite numbers and NaN */
export function truncate(value: number): number | bigint {
  if (!Number.isFinite(value)) throw failure("cannot convert an infinite number to an integer");
  return integer(BigInt(Math.trunc(value)));
}

/** @throws TemplateError failed for a division by zero; limit */
export function compute(operator: Arithmetic, left: Num, right: Num): Num {
  if (isFloat(left) || isFloat(right) || operator === "/") return floats(operator, toDouble(left), toDouble(right));
  if (operator === "**") return power(left, right);
  const [a, b] = [Number(left), Number(right)];
  if ((operator === "//" || operator === "%") && b === 0) throw failure("integer division or modulo by zero");
  // A quotient of doubles may be rounded up to the next integer.
  const quick = operator !== "//" && Number.isSafeInteger(a) && Number.isSafeInteger(b) ? doubles(operator, a, b) : NaN;
  if (Number.isSafeInteger(quick)) return quick === 0 ? 0 : quick;
  return bounded(bigIntegers(operator, BigInt(left), BigInt(right)));
}

/** The remainder with the sign of the divisor, as in Python. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function bigIntegers(operator: Arithmetic, a: bigint, b: bigint): bigint {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  const isUneven = a % b !== 0n && a < 0n !== b < 0n;
  return operator === "//" ? a / b - (isUneven ? 1n : 0n) : (a % b) + (isUneven ? b : 0n);
}

function power(left: number | bigint | boolean, right: number | bigint | boolean): Num {
  const [base, exponent] = [BigInt(left), BigInt(right)];
  if (exponent < 0n) return floats("**", Number(base), Number(exponent));
  const bits = BigInt(base.toString(2).length) * exponent;
  if (base * base > 1n && bits > BigInt(maxIntegerBits)) throw tooLarge();
  return integer(
    base * base > 1n ? base ** exponent : base ** (exponent % 2n === 0n && exponent > 0n ? 2n : exponent % 2n),
  );
}

function bounded(value: bigint): number | bigint {
  if (value.toString(16).length * 4 > maxIntegerBits) throw tooLarge();
  return integer(value);
}

function tooLarge(): Error {
  return overLimit(`it computes an integer of more than ${maxIntegerBits} bits`);
}

function floats(operator: Arithmetic, a: number, b: number): Float {
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) throw failure("division by zero");
  if (operator === "**" && a === 0 && b < 0) throw failure("zero cannot be raised to a negative power");
  return floatValue(doubles(operator, a, b));
}

function doubles(operator: Arithmetic, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return Math.floor(a / b);
    case "%":
      return modulo(a, b);
    case "**":
      return a ** b;
  }
}

/** The shortest digits that identify this double, in Python's form: 1.0, 1e+16, 1e-05. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa = "0", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= 16 || exponent < -4) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const digits = mantissa.replace(/[-.]/g, "");
  const sign = value < 0 ? "-" : "";
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

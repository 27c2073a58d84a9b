// Owns the formats that a regular expression states. Each is a part of what its standard allows, chosen so that every text of it is
// valid and any length is bounded; where one character tells the way, the expression says so, which keeps the grammar small.

const twoDigits = { hour: "(?:[01]\\d|2[0-3])", minute: "[0-5]\\d" };
const time = `${twoDigits.hour}:${twoDigits.minute}:${twoDigits.minute}(?:\\.\\d{1,9})?(?:Z|[+-]${twoDigits.hour}:${twoDigits.minute})`;

const days31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])";
const days30 = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)";
const days28 = "02-(?:0[1-9]|1\\d|2[0-8])";
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const date = `(?:\\d{4}-(?:${days31}|${days30}|${days28})|${leapYear}-02-29)`;

const byte = "(?:0|1\\d{0,2}|2(?:[0-4]\\d?|5[0-5]?|[6-9])?|[3-9]\\d?)";
const group = "[\\da-fA-F]{1,4}";
/** With k groups before the gap, up to 7 - k stand after it. */
const gaps = [1, 2, 3, 4, 5, 6].map((before) => `(?:${group}:){${before}}(?::${group}){1,${7 - before}}`);
const ipv6 = `(?:(?:${group}:){7}${group}|(?:${group}:){1,7}:|${gaps.join("|")}|:(?:(?::${group}){1,7}|:))`;

/** 61 of the 63 characters that a label may have, and no double hyphen, which is reserved. */
const label = "[A-Za-z\\d]{1,30}(?:-[A-Za-z\\d]{1,30})?";
/** Begins with a letter, as the last label of a mail's domain should. */
const laterLabel = "[A-Za-z][A-Za-z\\d]{1,29}(?:-[A-Za-z\\d]{1,20})?";
const mailbox = "[\\w+-]{1,20}(?:\\.[\\w+-]{1,20}){0,2}";

const number = "\\d{1,4}";
const durationDate = `(?:${number}Y(?:${number}M(?:${number}D)?)?|${number}M(?:${number}D)?|${number}D)`;
const durationTime = `T(?:${number}H(?:${number}M(?:${number}S)?)?|${number}M(?:${number}S)?|${number}S)`;

/** By name; a format that is not here is an annotation, as JSON Schema has it by default. */
export const formatPatterns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date,
    time,
    "date-time": `${date}T${time}`,
    duration: `P(?:${durationDate}(?:${durationTime})?|${durationTime}|${number}W)`,
    uuid: "[\\da-fA-F]{8}-(?:[\\da-fA-F]{4}-){3}[\\da-fA-F]{12}",
    email: `${mailbox}@${label}(?:\\.${laterLabel}){1,2}`,
    hostname: `${label}(?:\\.${label}){0,3}`,
    ipv4: `${byte}(?:\\.${byte}){3}`,
    ipv6,
  }).map(([name, pattern]) => [name, `^(?:${pattern})$`]),
);

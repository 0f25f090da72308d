// Reads an AsyncAPI document on standard input; prints what AsyncAPI's own parser finds wrong with it, as JSON.
import { Parser } from "@asyncapi/parser";
import { text } from "node:stream/consumers";

const { diagnostics } = await new Parser().parse(await text(process.stdin));
process.stdout.write(JSON.stringify(diagnostics.map(({ code, message, path }) => ({ code, message, path: path.join(".") }))));

// Makes pictures with sharp as it is told on stdin; see `engines.rs` for the words of a line.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

// The trouble that AVIF is worth; 4 by default.
const effort = Number(process.argv[2] ?? 4);
sharp.concurrency(1);
sharp.cache(false);

const formats = {
  jpeg: (image, quality) => image.jpeg({ quality, progressive: true }),
  webp: (image, quality) => image.webp({ quality }),
  avif: (image, quality) => image.avif({ quality, effort }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [times, source, out, format, quality, width] = line.split("\t");
  const start = process.cpuUsage();
  let made;
  for (let time = 0; time < Number(times); time += 1) {
    const resized = sharp(readFileSync(source)).resize({ width: Number(width) });
    made = await formats[format](resized, Number(quality)).toBuffer();
  }
  const spent = process.cpuUsage(start);
  writeFileSync(out, made);
  console.log(`${(spent.user + spent.system) / 1000 / Number(times)}\t${made.length}`);
}

// What a page says of itself, for browsers without DevTools: moments in milliseconds, the start of
// the navigation since 1970, and the boxes of the pictures in the viewport, in CSS pixels.
const done = arguments[arguments.length - 1];
const [navigation] = performance.getEntriesByType("navigation");
const [paint] = performance.getEntriesByName("first-contentful-paint");
let lcp = null;
try {
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (lcp = entry.startTime)))
    .observe({ type: "largest-contentful-paint", buffered: true });
} catch {}
const has = (element) =>
  element instanceof HTMLImageElement
    ? element.complete && element.naturalWidth > 0
    : /url\(["']?http/.test(getComputedStyle(element).backgroundImage);
const box = (element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
  return [x, y, Math.min(right, innerWidth) - x, Math.min(bottom, innerHeight) - y];
};
setTimeout(() => done({
  origin: performance.timeOrigin,
  load: location.protocol === "https:" ? navigation?.loadEventStart || null : null,
  fcp: paint?.startTime ?? null,
  lcp,
  protocols: performance.getEntriesByType("resource").concat(navigation ?? [])
    .map((entry) => entry.nextHopProtocol),
  pictures: [...document.querySelectorAll("body *")]
    .filter(has)
    .map(box)
    .filter(([, , width, height]) => width >= 16 && height >= 16),
}), 30);

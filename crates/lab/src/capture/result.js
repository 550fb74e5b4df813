// What the page says of itself when it has come to rest: moments in milliseconds since the start of
// the navigation, and the boxes of the pictures in the viewport, in CSS pixels.
(() => {
  const seen = window.__firstlight ?? { fcp: null, lcp: null };
  const [navigation] = performance.getEntriesByType("navigation");
  const has = (element) => {
    if (element instanceof HTMLImageElement) return element.complete && element.naturalWidth > 0;
    return /url\(["']?http/.test(getComputedStyle(element).backgroundImage);
  };
  const box = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
    return [x, y, Math.min(right, innerWidth) - x, Math.min(bottom, innerHeight) - y];
  };
  const pictures = [...document.querySelectorAll("body, body *")]
    .filter((element) => has(element) && element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .map(box)
    .filter(([, , width, height]) => width >= 16 && height >= 16)
    .slice(0, 200);
  return {
    url: location.href,
    fcp: seen.fcp,
    lcp: seen.lcp,
    load: navigation?.loadEventStart || null,
    status: navigation?.responseStatus ?? 0,
    pictures,
  };
})();

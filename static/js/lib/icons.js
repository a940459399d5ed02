/** The page's own line icons, on a 24 × 24 grid. */
const PATHS = {
  mark: 'M4 4h7v9H4zM13 4h7v6h-7zM4 15h7v5H4zM13 12h7v8h-7z', // the gallery's own: four photos
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20',
  upload: 'M20 11V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M4 15l4-4 3 3M15.5 13a3 3 0 1 0 0 6 3 3 0 0 0 0-6M17.8 18.3 21 21.5M15 8.5h.01',
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7',
  file: 'M12 15V4M8 8l4-4 4 4M4 15v5h16v-5',
  filter: 'M4 7h9M19 7h1M16 4.5v5M4 17h1M11 17h9M8 14.5v5',
  close: 'M6 6l12 12M18 6 6 18',
  similar: 'M4 4h9v9H4zM16 8h4v12H8v-4M6.5 10.5 9 8l2 2',
  select: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 12.5l3 3 5-6',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  zoom: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20M10.5 8v5M8 10.5h5',
  fit: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  region: 'M4 8V4h4M12 4h1M17 4h3v3M20 11v1.5M4 12v1M4 17v3h3M11 20h1.5M15 14l6 2.5-2.7 1L17 20.5z',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M4 20h16',
  copies: 'M8 4h12v12H8zM4 8v12h12',
  status: 'M4 19V5M4 19h16M8 15.5l3.5-4 3 2.5L20 8',
  help: 'M9 9.2A3 3 0 1 1 12.6 12c-.5.2-.6.6-.6 1.2v.8M12 17.5h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  warning: 'M12 4 21 20H3zM12 10v4.5M12 17.2h.01',
  broken: 'M4 4h16v16H4zM4 16l4-4 3 3M13 13l2-2 5 5M4 4l16 16',
  play: 'M8 5l11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  folder: 'M3 6h6l2 2h10v11H3z',
  photos: 'M4 5h16v14H4zM4 16l4.5-5 4 4 2.5-2.5L20 17M15.5 9h.01',
  shuffle: 'M4 7h4l8 10h4M17 14l3 3-3 3M4 17h4l2-2.5M14 9.5 16 7h4M17 4l3 3-3 3',
  compare: 'M4 5h7v14H4zM13 5h7v14h-7zM12 3v18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
};
const SVG = 'http://www.w3.org/2000/svg';

/** A decorative icon; the control it sits in carries the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

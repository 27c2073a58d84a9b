// Owns the thread that reads PDFs: that of PDF.js, as a file of this page.
import "pdfjs-dist/legacy/build/pdf.worker.min.mjs";

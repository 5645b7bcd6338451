"""The parts of the HTML page: markup, the picture, the charts and the sections. `reports.html` puts them together."""

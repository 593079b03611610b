"""Reports for people: the page of a run, pictures and tables. Of the other packages, only the command line imports this one.

Import each name from its module:

    run_report     `write_report`: the page and the pictures of a run
    html_page      `html`: the page itself; its template is in ``templates/``
    report_data    `ReportData`: the plain values that a page shows
    inspection     `inspect`: widths, parameters and MACs of a network, layer by layer
    layer_rows     `layer_widths`: what remains of each layer, from the shape alone
    numbers        sizes, ratios, intervals and conditions as text
    pictures/      pictures as SVG and PNG
    tables/        tables for the terminal, drawn with Rich
"""

"""What a person looks at: the page of a run, pictures and tables. Nothing below this room imports it.

Import each name from its module:

    run_report     `write_report`: the page and the pictures of a run
    html_page      `html`: the page itself; its template is in ``templates/``
    report_data    `ReportData`: the plain values that a page shows
    inspection     `inspect`: widths, parameters and MACs of a network, layer by layer
    layer_rows     `layer_rows`: what remains of each layer, from the shape alone
    numbers        sizes, ratios, intervals and conditions as text
    pictures/      pictures as SVG and PNG
    tables/        tables for the terminal; together with ``pictures/`` the only place that draws with Rich
"""

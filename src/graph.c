/*
 * graph.c
 *		Base tables and TVIEWs as a picture: as text for Mermaid or Graphviz,
 *		or drawn, as SVG.
 *
 * Nodes stand in columns: base tables in the first, each TVIEW one to the
 * right of what it is built on.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

/* Sizes in the SVG, in pixels. */
#define NODE_WIDTH	220
#define NODE_HEIGHT 32
#define GAP_X		140
#define GAP_Y		20
#define MARGIN		20

/* A table in the picture. */
typedef struct GraphNode
{
	Oid			relid;
	int			number;
	bool		is_tview;
	int			column;
	int			row;			/* within the column */
} GraphNode;

/* A source of a TVIEW, or all that are on one table. */
typedef struct GraphEdge
{
	GraphNode  *from;
	GraphNode  *to;
	TviewStrategy strategy;		/* the most expensive */
} GraphEdge;

typedef struct Graph
{
	List	   *nodes;			/* of GraphNode */
	List	   *edges;			/* of GraphEdge */
} Graph;

static const char *const strategy_names[] = {"direct", "route", "full"};

static void build_graph(Graph *graph);
static int	compare_names(const ListCell *a, const ListCell *b);
static GraphNode *get_node(Graph *graph, Oid relid);
static void add_edge(Graph *graph, GraphNode *to, const TviewSource *source);
static void place_nodes(Graph *graph);
static char *draw_mermaid(const Graph *graph);
static char *draw_dot(const Graph *graph);
static char *draw_svg(const Graph *graph);
static int	node_x(const GraphNode *node);
static int	node_y(const GraphNode *node);
static void draw_svg_edge(StringInfo out, const GraphEdge *edge);
static char *label(const GraphNode *node, const char *escapes);

PG_FUNCTION_INFO_V1(pg_tviews_graph);

/*
 * SQL: returns the picture.
 */
Datum
pg_tviews_graph(PG_FUNCTION_ARGS)
{
	char	   *format = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Graph		graph = {0};
	char	   *picture = NULL;

	build_graph(&graph);
	if (pg_strcasecmp(format, "mermaid") == 0)
		picture = draw_mermaid(&graph);
	else if (pg_strcasecmp(format, "dot") == 0)
		picture = draw_dot(&graph);
	else if (pg_strcasecmp(format, "svg") == 0)
		picture = draw_svg(&graph);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format of a graph: \"%s\"", format),
				 errhint("Available formats are mermaid, dot and svg.")));
	PG_RETURN_TEXT_P(cstring_to_text(picture));
}

/*
 * Finds nodes and edges, sorted by name.
 */
static void
build_graph(Graph *graph)
{
	List	   *tviews = tview_catalog_list();
	ListCell   *lc;

	list_sort(tviews, compare_names);
	foreach(lc, tviews)
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));
		GraphNode  *node = get_node(graph, def->tview);

		node->is_tview = true;
		node->column = def->level + 1;
		for (int i = 0; i < def->nsources; i++)
			add_edge(graph, node, &def->sources[i]);
	}
	place_nodes(graph);
}

/*
 * Sorts relations by name.
 */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(tview_names_shown(lfirst_oid(a)),
				  tview_names_shown(lfirst_oid(b)));
}

/*
 * The node of a table, made if need be.
 */
static GraphNode *
get_node(Graph *graph, Oid relid)
{
	GraphNode  *node;
	ListCell   *lc;

	foreach(lc, graph->nodes)
	{
		node = lfirst(lc);
		if (node->relid == relid)
			return node;
	}
	node = palloc0(sizeof(GraphNode));
	node->relid = relid;
	node->number = list_length(graph->nodes);
	graph->nodes = lappend(graph->nodes, node);
	return node;
}

/*
 * Adds a source's edge, or makes the one that is there more expensive.
 */
static void
add_edge(Graph *graph, GraphNode *to, const TviewSource *source)
{
	GraphNode  *from = get_node(graph, source->relid);
	GraphEdge  *edge;
	ListCell   *lc;

	foreach(lc, graph->edges)
	{
		edge = lfirst(lc);
		if (edge->from == from && edge->to == to)
		{
			edge->strategy = Max(edge->strategy, source->strategy);
			return;
		}
	}
	edge = palloc(sizeof(GraphEdge));
	edge->from = from;
	edge->to = to;
	edge->strategy = source->strategy;
	graph->edges = lappend(graph->edges, edge);
}

/*
 * Numbers the nodes of each column.
 */
static void
place_nodes(Graph *graph)
{
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, graph->nodes)
	{
		GraphNode  *node = lfirst(lc);

		foreach(other, graph->nodes)
		{
			if (lfirst(other) == node)
				break;
			if (((GraphNode *) lfirst(other))->column == node->column)
				node->row++;
		}
	}
}

/*
 * The picture for Mermaid.
 */
static char *
draw_mermaid(const Graph *graph)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	appendStringInfoString(&out, "graph LR\n");
	foreach(lc, graph->nodes)
	{
		GraphNode  *node = lfirst(lc);

		appendStringInfo(&out, node->is_tview ? "  n%d([\"%s\"])\n" : "  n%d[\"%s\"]\n",
						 node->number, label(node, "xml"));
	}
	foreach(lc, graph->edges)
	{
		GraphEdge  *edge = lfirst(lc);

		appendStringInfo(&out, "  n%d %s|%s| n%d\n", edge->from->number,
						 edge->strategy == TVIEW_FULL ? "-.->" : "-->",
						 strategy_names[edge->strategy], edge->to->number);
	}
	return out.data;
}

/*
 * The picture for Graphviz.
 */
static char *
draw_dot(const Graph *graph)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	appendStringInfoString(&out, "digraph tviews {\n  rankdir=LR;\n");
	foreach(lc, graph->nodes)
	{
		GraphNode  *node = lfirst(lc);

		appendStringInfo(&out, "  n%d [label=\"%s\", shape=%s];\n",
						 node->number, label(node, "dot"),
						 node->is_tview ? "ellipse" : "box");
	}
	foreach(lc, graph->edges)
	{
		GraphEdge  *edge = lfirst(lc);

		appendStringInfo(&out, "  n%d -> n%d [label=\"%s\"%s];\n",
						 edge->from->number, edge->to->number,
						 strategy_names[edge->strategy],
						 edge->strategy == TVIEW_FULL ? ", style=dashed" : "");
	}
	appendStringInfoString(&out, "}\n");
	return out.data;
}

/*
 * The picture, drawn.
 */
static char *
draw_svg(const Graph *graph)
{
	StringInfoData out;
	StringInfoData body;
	int			columns = 0;
	int			rows = 0;
	ListCell   *lc;

	initStringInfo(&out);
	initStringInfo(&body);
	foreach(lc, graph->edges)
		draw_svg_edge(&body, lfirst(lc));
	foreach(lc, graph->nodes)
	{
		GraphNode  *node = lfirst(lc);
		int			x = node_x(node);
		int			y = node_y(node);

		columns = Max(columns, node->column + 1);
		rows = Max(rows, node->row + 1);
		appendStringInfo(&body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"#345\"/>\n",
						 x, y, NODE_WIDTH, NODE_HEIGHT,
						 node->is_tview ? NODE_HEIGHT / 2 : 3,
						 node->is_tview ? "#dceefb" : "#f4f4f0");
		appendStringInfo(&body, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
						 x + NODE_WIDTH / 2, y + NODE_HEIGHT / 2 + 5,
						 label(node, "xml"));
	}
	appendStringInfo(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n",
					 2 * MARGIN + columns * NODE_WIDTH + (columns - 1) * GAP_X,
					 2 * MARGIN + rows * NODE_HEIGHT + (rows - 1) * GAP_Y);
	appendStringInfo(&out, "%s</svg>\n", body.data);
	return out.data;
}

/*
 * Where the left side of a node is.
 */
static int
node_x(const GraphNode *node)
{
	return MARGIN + node->column * (NODE_WIDTH + GAP_X);
}

/*
 * Where its top is.
 */
static int
node_y(const GraphNode *node)
{
	return MARGIN + node->row * (NODE_HEIGHT + GAP_Y);
}

/*
 * One edge of the drawing: a curve from the right side of one node to the left
 * side of the other, with the strategy beside its end.
 */
static void
draw_svg_edge(StringInfo out, const GraphEdge *edge)
{
	static const char *const colors[] = {"#2a7", "#27a", "#c33"};
	int			x1 = node_x(edge->from) + NODE_WIDTH;
	int			y1 = node_y(edge->from) + NODE_HEIGHT / 2;
	int			x2 = node_x(edge->to);
	int			y2 = node_y(edge->to) + NODE_HEIGHT / 2;
	int			middle = (x1 + x2) / 2;

	appendStringInfo(out, "<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\"%s><title>%s</title></path>\n",
					 x1, y1, middle, y1, middle, y2, x2, y2,
					 colors[edge->strategy],
					 edge->strategy == TVIEW_FULL ? " stroke-dasharray=\"6 4\"" : "",
					 strategy_names[edge->strategy]);
}

/*
 * A node's name, with what would end a string escaped as HTML or as Graphviz
 * has it.
 */
static char *
label(const GraphNode *node, const char *escapes)
{
	bool		is_xml = strcmp(escapes, "xml") == 0;
	StringInfoData out;

	initStringInfo(&out);
	for (const char *c = tview_names_shown(node->relid); *c; c++)
	{
		if (is_xml && strchr("<>&\"'#;", *c))
			appendStringInfo(&out, "&#%d;", *c);
		else if (!is_xml && strchr("\"\\", *c))
			appendStringInfo(&out, "\\%c", *c);
		else
			appendStringInfoChar(&out, *c);
	}
	return out.data;
}

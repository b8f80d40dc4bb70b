/*
 * graph.c
 *		Base tables and TVIEWs as a picture: as text for Mermaid or Graphviz,
 *		or drawn, as SVG.
 *
 * Nodes stand in columns: base tables in the first, each TVIEW one to the
 * right of what it is built on.  Within a column, nodes stand beside those
 * that they are connected with, as far as there is room.  TVIEWs that are
 * broken are left out; what is wrong with them, validate.c tells.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "compat.h"
#include "pg_tviews.h"

/* Sizes in the SVG, in pixels. */
#define NODE_WIDTH	220
#define NODE_HEIGHT 32
#define GAP_X		140
#define GAP_Y		20
#define MARGIN		20

/* How many characters of a name a node has room for. */
#define NODE_CHARS 28

/* How often nodes are moved towards their neighbours. */
#define SWEEPS 10

/* A table in the picture. */
typedef struct GraphNode
{
	Oid			relid;
	int			number;
	bool		is_tview;
	int			column;
	int			row;			/* within the column */
	int			y;				/* its upper side */
	double		wish;			/* the mean of its neighbours */
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

static void build_graph(Graph *graph);
static int	compare_names(const ListCell *a, const ListCell *b);
static GraphNode *get_node(Graph *graph, Oid relid);
static void add_edge(Graph *graph, GraphNode *to, const TviewSource *source);
static void place_nodes(Graph *graph);
static double mean_height(const Graph *graph, const GraphNode *node);
static int	compare_wishes(const ListCell *a, const ListCell *b);
static void number_rows(Graph *graph, List *nodes);
static char *draw_mermaid(const Graph *graph);
static char *draw_dot(const Graph *graph);
static char *draw_svg(const Graph *graph);
static int	node_x(const GraphNode *node);
static void draw_svg_node(StringInfo out, const GraphNode *node);
static void draw_svg_edge(StringInfo out, const GraphEdge *edge);
static char *label(const GraphNode *node, bool is_xml);
static char *escape_name(const char *name, bool is_xml);

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
	List	   *defs = NIL;
	ListCell   *lc;

	foreach(lc, tview_catalog_list())
	{
		char	   *reason;
		TviewDef   *def = tview_validate_definition(lfirst_oid(lc), &reason);

		if (def != NULL)
			defs = lappend(defs, def);
	}
	list_sort(defs, compare_names);
	foreach(lc, defs)
	{
		TviewDef   *def = lfirst(lc);
		GraphNode  *node = get_node(graph, def->tview);

		node->is_tview = true;
		node->column = def->level + 1;
		for (int i = 0; i < def->nsources; i++)
			add_edge(graph, node, &def->sources[i]);
	}
	place_nodes(graph);
}

/*
 * Sorts TVIEWs by name.
 */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	const TviewDef *first = lfirst(a);
	const TviewDef *second = lfirst(b);

	return strcmp(tview_names_shown(first->tview),
				  tview_names_shown(second->tview));
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
 * Finds a place for each node: one above the other as they come, and then, a
 * few times over, in the order of the mean height of their neighbours.
 */
static void
place_nodes(Graph *graph)
{
	List	   *nodes = list_copy(graph->nodes);
	ListCell   *lc;

	for (int sweep = 0; sweep <= SWEEPS; sweep++)
	{
		list_sort(nodes, compare_wishes);
		number_rows(graph, nodes);
		foreach(lc, nodes)
		{
			GraphNode  *node = lfirst(lc);

			node->wish = mean_height(graph, node);
		}
	}
}

/*
 * The mean height of the neighbours of a node, or its own.
 */
static double
mean_height(const Graph *graph, const GraphNode *node)
{
	double		sum = 0;
	int			count = 0;
	ListCell   *lc;

	foreach(lc, graph->edges)
	{
		GraphEdge  *edge = lfirst(lc);

		if (edge->from != node && edge->to != node)
			continue;
		sum += edge->from == node ? edge->to->y : edge->from->y;
		count++;
	}
	return count > 0 ? sum / count : node->y;
}

/*
 * Sorts nodes by column, and then by where they want to be.
 */
static int
compare_wishes(const ListCell *a, const ListCell *b)
{
	const GraphNode *first = lfirst(a);
	const GraphNode *second = lfirst(b);

	if (first->column != second->column)
		return first->column < second->column ? -1 : 1;
	if (first->wish != second->wish)
		return first->wish < second->wish ? -1 : 1;
	return first->number - second->number;
}

/*
 * Puts nodes, which are sorted by column, below each other, with each column
 * in the middle of the picture.  Every second column is lower by half a row,
 * so that a straight edge from the column before it to the one behind it
 * passes between its nodes.
 */
static void
number_rows(Graph *graph, List *nodes)
{
	const int	step = NODE_HEIGHT + GAP_Y;
	int			most = 0;
	int			start = 0;

	for (int i = 0; i < list_length(nodes); i++)
	{
		GraphNode  *node = list_nth(nodes, i);

		if (((GraphNode *) list_nth(nodes, start))->column != node->column)
			start = i;
		node->row = i - start;
		most = Max(most, node->row + 1);
	}
	for (int i = list_length(nodes) - 1; i >= 0; i--)
	{
		GraphNode  *node = list_nth(nodes, i);

		if (i + 1 == list_length(nodes) ||
			((GraphNode *) list_nth(nodes, i + 1))->column != node->column)
			start = (most - node->row - 1) / 2;
		node->y = MARGIN + (start + node->row) * step +
				  node->column % 2 * step / 2;
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
						 node->number, label(node, true));
	}
	foreach(lc, graph->edges)
	{
		GraphEdge  *edge = lfirst(lc);

		appendStringInfo(&out, "  n%d %s|%s| n%d\n", edge->from->number,
						 edge->strategy == TVIEW_FULL ? "-.->" : "-->",
						 tview_explain_strategy(edge->strategy),
						 edge->to->number);
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
						 node->number, label(node, false),
						 node->is_tview ? "ellipse" : "box");
	}
	foreach(lc, graph->edges)
	{
		GraphEdge  *edge = lfirst(lc);

		appendStringInfo(&out, "  n%d -> n%d [label=\"%s\"%s];\n",
						 edge->from->number, edge->to->number,
						 tview_explain_strategy(edge->strategy),
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
	int			width = 0;
	int			height = 0;
	ListCell   *lc;

	initStringInfo(&out);
	initStringInfo(&body);
	foreach(lc, graph->edges)
		draw_svg_edge(&body, lfirst(lc));
	foreach(lc, graph->nodes)
	{
		GraphNode  *node = lfirst(lc);

		width = Max(width, node_x(node) + NODE_WIDTH + MARGIN);
		height = Max(height, node->y + NODE_HEIGHT + MARGIN);
		draw_svg_node(&body, node);
	}
	appendStringInfo(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n",
					 width, height, width, height);
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
 * One node of the drawing.  A name that is too long is cut off, and shown
 * whole when pointed at.
 */
static void
draw_svg_node(StringInfo out, const GraphNode *node)
{
	const char *name = tview_names_shown(node->relid);
	int			length = strlen(name);
	int			shown = pg_mbcharcliplen(name, length, NODE_CHARS);
	int			x = node_x(node);
	int			y = node->y;
	bool		is_tview = node->is_tview;

	appendStringInfo(out, "<g><title>%s</title><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"#345\"/>",
					 escape_name(name, true),
					 is_tview ? "tview" : "table",
					 x, y, NODE_WIDTH, NODE_HEIGHT,
					 is_tview ? NODE_HEIGHT / 2 : 3,
					 is_tview ? "#dceefb" : "#f4f4f0");
	appendStringInfo(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s%s</text></g>\n",
					 x + NODE_WIDTH / 2, y + NODE_HEIGHT / 2 + 5,
					 escape_name(pnstrdup(name, shown), true),
					 shown < length ? "..." : "");
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
	int			y1 = edge->from->y + NODE_HEIGHT / 2;
	int			x2 = node_x(edge->to);
	int			y2 = edge->to->y + NODE_HEIGHT / 2;
	int			middle = (x1 + x2) / 2;

	appendStringInfo(out, "<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\"%s><title>%s</title></path>\n",
					 x1, y1, middle, y1, middle, y2, x2, y2,
					 colors[edge->strategy],
					 edge->strategy == TVIEW_FULL ? " stroke-dasharray=\"6 4\"" : "",
					 tview_explain_strategy(edge->strategy));
}

/*
 * A node's name as the text formats write it.
 */
static char *
label(const GraphNode *node, bool is_xml)
{
	return escape_name(tview_names_shown(node->relid), is_xml);
}

/*
 * A name, with what would end a string escaped as HTML or as Graphviz has it,
 * and on one line.
 */
static char *
escape_name(const char *name, bool is_xml)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *c = name; *c; c++)
	{
		if ((unsigned char) *c < ' ')
			appendStringInfoChar(&out, ' ');
		else if (is_xml && strchr("<>&\"'#;", *c))
			appendStringInfo(&out, "&#%d;", *c);
		else if (!is_xml && strchr("\"\\", *c))
			appendStringInfo(&out, "\\%c", *c);
		else
			appendStringInfoChar(&out, *c);
	}
	return out.data;
}
